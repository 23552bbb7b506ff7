"""Common surnames and given characters, and invented places. No real person or place is meant."""

from __future__ import annotations

SURNAMES = list(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
SURNAME_WEIGHTS = [1.0 / (rank + 3) for rank in range(len(SURNAMES))]

GIVEN_MALE = list("伟强磊军勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆龙峰志建国文德成永福祥贵林松柏山川海江")
GIVEN_FEMALE = list("芳娜敏静丽艳娟霞秀玲桂英红梅兰萍燕雪琴云莲珍凤香月洁莹婷慧佳琳瑶菊翠玉淑春秋荷露蓉")

ETHNICITIES = ["汉族", "苗族", "布依族", "侗族", "土家族", "彝族"]
ETHNICITY_SHARES = [0.68, 0.12, 0.08, 0.05, 0.04, 0.03]

COUNTY = ("Yunqi County", "云栖县")
TOWNSHIPS = [
    ("Chengguan", "城关镇"),
    ("Qinghe", "青禾镇"),
    ("Shiqiao", "石桥镇"),
    ("Longtan", "龙潭镇"),
    ("Baishui", "白水镇"),
    ("Yanwu", "烟坞乡"),
    ("Songling", "松岭乡"),
    ("Hualin", "桦林乡"),
    ("Yueping", "月坪镇"),
    ("Chayuan", "茶垣乡"),
    ("Heling", "鹤岭乡"),
    ("Meixi", "梅溪镇"),
    ("Zhuyuan", "竹源乡"),
    ("Tongmu", "桐木镇"),
    ("Liuwan", "柳湾镇"),
    ("Lanxi", "岚西乡"),
    ("Yunmen", "云门乡"),
    ("Shuangxi", "双汐镇"),
    ("Fengtai", "枫台乡"),
    ("Xinglu", "杏麓乡"),
]
VILLAGE_FIRST = [
    ("Shang", "上"),
    ("Xia", "下"),
    ("Dong", "东"),
    ("Xi", "西"),
    ("Lao", "老"),
    ("Xin", "新"),
    ("Da", "大"),
    ("Xiao", "小"),
    ("Qian", "前"),
    ("Hou", "后"),
]
VILLAGE_SECOND = [
    ("wan", "湾村"),
    ("ping", "坪村"),
    ("zhai", "寨村"),
    ("tang", "塘村"),
    ("gou", "沟村"),
    ("po", "坡村"),
    ("jing", "井村"),
    ("qiao", "桥村"),
]
